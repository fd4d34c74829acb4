import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
from django.db import migrations, models

from ttscache.adoption.operations import CreateOrAdoptModel


class Migration(migrations.Migration):
    """The two tables of the earlier system, made new or found; see ttscache/adoption/."""

    initial = True
    dependencies = []
    operations = [
        CreateOrAdoptModel(
            name="Clip",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("content_hash", models.CharField(max_length=32, unique=True)),
                ("content_text", models.TextField(verbose_name="text")),
                ("voice", models.CharField(db_index=True, max_length=50)),
                ("audio_file_path", models.TextField(blank=True, editable=False, null=True)),
                (
                    "audio_file_size",
                    models.IntegerField(blank=True, editable=False, null=True, verbose_name="bytes"),
                ),
                (
                    "content_type",
                    models.CharField(
                        choices=[
                            ("narrative", "Narrative"),
                            ("question", "Question"),
                            ("analysis", "Reflection"),
                            ("response", "A person's own words"),
                        ],
                        db_default="narrative",
                        db_index=True,
                        default="narrative",
                        max_length=50,
                    ),
                ),
                ("is_active", models.BooleanField(db_default=True, default=True)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "last_accessed_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="last requested",
                    ),
                ),
            ],
            options={"db_table": "tts_cache", "ordering": ["-created_at"]},
        ),
        CreateOrAdoptModel(
            name="ClipFile",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                ("file_data", models.BinaryField()),
                ("file_size", models.IntegerField()),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "cache",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="file", to="ttscache.clip"
                    ),
                ),
            ],
            options={"db_table": "tts_cache_files"},
        ),
    ]
