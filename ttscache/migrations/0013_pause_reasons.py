from django.db import migrations


def name_the_reason(apps, schema_editor):
    """Until now the one reason stood there as a sentence."""
    runs = apps.get_model("ttscache", "WarmRun").objects
    runs.exclude(paused_because="").update(paused_because="budget")


class Migration(migrations.Migration):
    dependencies = [("ttscache", "0012_background_work")]
    operations = [migrations.RunPython(name_the_reason, migrations.RunPython.noop)]
