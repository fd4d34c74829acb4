from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ttscache", "0005_schedules")]
    operations = [
        migrations.AlterField(
            model_name="alert",
            name="kind",
            field=models.CharField(
                choices=[
                    ("key_refused", "The voice service refuses our key"),
                    ("quota_used_up", "Our quota with the voice service is used up"),
                    ("budget", "Today's budget is nearly spent"),
                    ("coverage", "Published clips are missing"),
                    ("hit_rate", "Listeners wait too often"),
                    ("storage", "Space runs out"),
                    ("model_retires", "The provider switches off a model"),
                ],
                max_length=20,
            ),
        ),
        migrations.CreateModel(
            name="ModelNotice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("service", models.CharField(max_length=16)),
                ("model", models.CharField(max_length=100)),
                ("shutdown_date", models.DateField(blank=True, null=True)),
                ("looked_at", models.DateTimeField(blank=True, null=True)),
                ("seen_at", models.DateTimeField(blank=True, null=True)),
                ("gone_at", models.DateTimeField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("service", "model"), name="one_notice_a_model")
                ],
            },
        ),
    ]
