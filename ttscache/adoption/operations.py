"""The migration operations of adoption."""

from __future__ import annotations

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState

from ttscache.adoption.plan import adopt_tables
from ttscache.adoption.plan_types import AdoptionPlan


class CreateOrAdoptModel(migrations.CreateModel):
    """CreateModel that leaves an existing table of that name as it is."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        table = to_state.apps.get_model(app_label, self.name)._meta.db_table
        with schema_editor.connection.cursor() as cursor:
            if table in schema_editor.connection.introspection.table_names(cursor):
                return
        super().database_forwards(app_label, schema_editor, from_state, to_state)
        if schema_editor.connection.vendor == "postgresql":
            # AdoptTables adds the foreign key: its target may have no primary key yet, and it must cascade.
            schema_editor.deferred_sql = [
                sql for sql in schema_editor.deferred_sql if " FOREIGN KEY " not in str(sql)
            ]


class AdoptTables(Operation):
    """Give PostgreSQL tables, fresh or found, the same types, defaults and constraints."""

    reduces_to_sql = False
    reversible = True

    def __init__(self) -> None:
        self.done = AdoptionPlan(())

    def state_forwards(self, app_label: str, state: ProjectState) -> None:
        """Change nothing: the models already describe the tables as they will be."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        if schema_editor.connection.vendor == "postgresql":
            self.done = adopt_tables(schema_editor.connection)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Change nothing: adopted tables fit the earlier models as well."""

    def describe(self) -> str:
        return "Make the tables of the earlier system fit, where there are any"
