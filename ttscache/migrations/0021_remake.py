from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ttscache", "0020_dashboard")]

    operations = [
        migrations.AddField(
            model_name="warmitem",
            name="newer_than",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
