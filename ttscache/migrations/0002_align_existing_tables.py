from django.db import migrations

from ttscache.adoption import align_existing_tables


class Migration(migrations.Migration):
    dependencies = [("ttscache", "0001_initial")]
    operations = [migrations.RunPython(align_existing_tables, migrations.RunPython.noop, elidable=False)]
