from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("narratives", "0008_names")]
    operations = [migrations.RenameField("publication", "asked_by", "requested_by")]
