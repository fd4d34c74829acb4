"""Refused recordings that wait for staff; bytes they accepted; who paused an audio job."""

import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ttscache", "0009_tokens"),
    ]

    operations = [
        migrations.AddField(
            model_name="clip",
            name="accepted_checksum",
            field=models.CharField(db_default="", default="", editable=False, max_length=64),
        ),
        migrations.AddField(
            model_name="warmrun",
            name="paused_by",
            field=models.CharField(blank=True, default="", max_length=150),
        ),
        migrations.CreateModel(
            name="RefusedTake",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "reason",
                    models.CharField(
                        choices=[
                            ("silent", "The recording was silent"),
                            ("too_short", "The recording was far too short for its text"),
                            ("too_long", "The recording was far too long for its text"),
                            ("broken", "The recording was damaged or incomplete"),
                            ("reworded", "The voice said other words than the text has"),
                        ],
                        max_length=10,
                    ),
                ),
                ("audio", models.BinaryField()),
                ("size", models.IntegerField(verbose_name="bytes")),
                ("duration_ms", models.IntegerField(null=True)),
                ("is_usable", models.BooleanField(default=False)),
                ("is_part", models.BooleanField(default=False)),
                ("made_ahead", models.BooleanField(default=False)),
                ("paid_microusd", models.BigIntegerField(default=0)),
                ("made_at", models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                (
                    "clip",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="refused_take",
                        to="ttscache.clip",
                    ),
                ),
            ],
            options={
                "verbose_name": "refused recording",
                "default_permissions": (),
            },
        ),
    ]
