"""Installations that nobody has seen for long leave a short trace instead of their settings."""

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ttscache", "0005_schedules")]

    operations = [
        migrations.AddField(
            model_name="installationsettings",
            name="seen_at",
            field=models.DateTimeField(default=django.utils.timezone.now),
        ),
        migrations.CreateModel(
            name="ForgottenInstallation",
            fields=[
                ("digest", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("forgotten_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
    ]
