from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ttscache", "0024_run_names")]
    operations = [
        migrations.RenameField("warmrun", "asked_by", "requested_by"),
        migrations.RenameField("prunerun", "asked_by", "requested_by"),
    ]
