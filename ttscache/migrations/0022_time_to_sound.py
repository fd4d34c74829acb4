from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ttscache", "0021_remake")]

    operations = [
        migrations.CreateModel(
            name="SoundStart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField()),
                ("content_type", models.CharField(max_length=50)),
                ("voice", models.CharField(max_length=50)),
                ("latency_bucket", models.SmallIntegerField()),
                ("starts", models.BigIntegerField(default=0)),
            ],
            options={
                "verbose_name": "time to sound",
                "verbose_name_plural": "times to sound",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("hour", "content_type", "voice", "latency_bucket"),
                        name="one_sound_start_row",
                    )
                ],
            },
        ),
    ]
