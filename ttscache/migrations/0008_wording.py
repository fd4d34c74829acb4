"""Labels in plain English. Nothing changes in the database."""

import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ttscache", "0007_names_for_staff"),
    ]

    operations = [
        migrations.AlterField(
            model_name="clip",
            name="last_accessed_at",
            field=models.DateTimeField(
                db_default=django.db.models.functions.datetime.Now(),
                editable=False,
                verbose_name="last requested",
            ),
        ),
        migrations.AlterField(
            model_name="pin",
            name="reason",
            field=models.CharField(
                choices=[
                    ("live", "Live"),
                    ("system", "System clip"),
                    ("recent", "Recently live"),
                    ("bank", "Reflection bank"),
                    ("draft", "Draft"),
                    ("frequent", "Frequent reflection"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="warmitem",
            name="lane",
            field=models.SmallIntegerField(
                choices=[(1, "First: a listener will need it soon"), (2, "In turn")], db_default=2, default=2
            ),
        ),
        migrations.AlterField(
            model_name="warmitem",
            name="state",
            field=models.CharField(
                choices=[
                    ("queued", "Queued"),
                    ("making", "Being made"),
                    ("done", "Made"),
                    ("skipped", "Already there"),
                    ("failed", "Failed"),
                    ("cancelled", "Cancelled"),
                ],
                default="queued",
                max_length=10,
            ),
        ),
    ]
