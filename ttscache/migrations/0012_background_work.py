import uuid

import django.db.models.functions.datetime
import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ttscache", "0011_identity"),
    ]

    operations = [
        migrations.CreateModel(
            name="PruneRun",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("running", "Running"),
                            ("done", "Done"),
                            ("stopped", "Stopped"),
                            ("failed", "Cut off"),
                        ],
                        default="running",
                        max_length=10,
                    ),
                ),
                ("days", models.IntegerField()),
                ("asked_by", models.CharField(blank=True, default="", max_length=150)),
                ("started_at", models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ("finished_at", models.DateTimeField(blank=True, null=True)),
                ("listed", models.IntegerField(default=0)),
                ("removed", models.IntegerField(default=0)),
                ("freed_bytes", models.BigIntegerField(default=0)),
                ("remake_cost_microusd", models.BigIntegerField(default=0)),
                ("kept_back", models.IntegerField(default=0)),
            ],
            options={
                "ordering": ["-started_at"],
            },
        ),
        migrations.CreateModel(
            name="Removal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("content_hash", models.CharField(max_length=32)),
                (
                    "removed_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), db_index=True, editable=False
                    ),
                ),
            ],
        ),
        migrations.AlterModelOptions(
            name="clip",
            options={
                "ordering": ["-created_at"],
                "permissions": [("prune_clip", "Can remove clips that nobody asks for")],
            },
        ),
        migrations.RemoveIndex(
            model_name="warmitem",
            name="warm_item_queue",
        ),
        migrations.AddField(
            model_name="clip",
            name="made_ahead",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddField(
            model_name="usage",
            name="warmed_hits",
            field=models.BigIntegerField(db_default=0, default=0),
        ),
        migrations.AddField(
            model_name="warmitem",
            name="lane",
            field=models.SmallIntegerField(
                choices=[(1, "Before others: a listener is about to ask"), (2, "In turn")],
                db_default=2,
                default=2,
            ),
        ),
        migrations.AddField(
            model_name="warmrun",
            name="asked_by",
            field=models.CharField(blank=True, default="", max_length=150),
        ),
        migrations.AlterField(
            model_name="pin",
            name="reason",
            field=models.CharField(
                choices=[
                    ("live", "Live"),
                    ("system", "System clip"),
                    ("recent", "Live until lately"),
                    ("bank", "Reflection bank"),
                    ("draft", "Draft"),
                    ("frequent", "Frequent reflection"),
                ],
                max_length=10,
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
                    ("skipped", "Was there"),
                    ("failed", "Failed"),
                    ("cancelled", "Cancelled"),
                ],
                default="queued",
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="warmrun",
            name="paused_because",
            field=models.CharField(
                blank=True,
                choices=[
                    ("budget", "Today's budget is spent; this goes on by itself once there is room again."),
                    ("staff", "Paused by staff; it waits until somebody lets it go on."),
                ],
                default="",
                max_length=200,
            ),
        ),
        migrations.AddIndex(
            model_name="clip",
            index=models.Index(fields=["last_accessed_at"], name="clip_last_accessed"),
        ),
        migrations.AddIndex(
            model_name="clipday",
            index=models.Index(fields=["day"], name="clip_day_day"),
        ),
        migrations.AddIndex(
            model_name="warmitem",
            index=models.Index(fields=["state", "lane", "run"], name="warm_item_turn"),
        ),
    ]
