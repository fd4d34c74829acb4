from django.db import migrations

from ttscache.adoption.operations import AdoptTables


class Migration(migrations.Migration):
    """Schema and rows at once: neither constraints nor rows can be put in order without the other."""

    dependencies = [("ttscache", "0001_create_or_adopt")]
    operations = [AdoptTables()]
