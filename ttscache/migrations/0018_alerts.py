from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ttscache", "0017_prune_list"),
    ]

    operations = [
        migrations.CreateModel(
            name="LastCall",
            fields=[
                ("outcome", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.AlterModelOptions(
            name="clip",
            options={
                "ordering": ["-created_at"],
                "permissions": [
                    ("make_clip", "Can have clips made, which costs money"),
                    ("prune_clip", "Can remove clips that nobody asks for"),
                ],
            },
        ),
        migrations.AddIndex(
            model_name="clip",
            index=models.Index(
                condition=models.Q(("is_active", True), ("kept_at__isnull", False)),
                fields=["content_type", "kept_in", "encoding", "stored_size", "audio_file_size"],
                name="clip_held",
            ),
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("key_refused", "The voice service refuses our key"),
                            ("quota_used_up", "Our quota with the voice service is used up"),
                            ("budget", "Today's budget is nearly spent"),
                            ("coverage", "Published clips are missing"),
                            ("hit_rate", "Listeners wait too often"),
                            ("storage", "Space runs out"),
                        ],
                        max_length=20,
                    ),
                ),
                ("subject", models.CharField(blank=True, default="", max_length=100)),
                ("says", models.CharField(max_length=300)),
                ("since", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("mailed_at", models.DateTimeField(blank=True, null=True)),
                ("over_at", models.DateTimeField(blank=True, null=True)),
                ("over_mailed_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "ordering": ["-since"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("over_at__isnull", True)),
                        fields=("kind", "subject"),
                        name="one_open_alert",
                    )
                ],
            },
        ),
    ]
