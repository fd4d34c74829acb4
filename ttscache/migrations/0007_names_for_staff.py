"""Staff call warm runs audio jobs and prune runs clean-ups. Nothing changes in the database."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ttscache", "0006_forgotten_installations")]

    operations = [
        migrations.AlterModelOptions(
            name="warmrun", options={"ordering": ["-created_at"], "verbose_name": "audio job"}
        ),
        migrations.AlterModelOptions(
            name="prunerun", options={"ordering": ["-started_at"], "verbose_name": "clean-up"}
        ),
        migrations.AlterField(
            model_name="warmrun",
            name="paused_because",
            field=models.CharField(
                blank=True,
                choices=[
                    (
                        "budget",
                        "Today's budget is spent. This continues by itself once there is room again.",
                    ),
                    ("staff", "Paused by staff. Press Resume to continue."),
                ],
                default="",
                max_length=200,
            ),
        ),
    ]
