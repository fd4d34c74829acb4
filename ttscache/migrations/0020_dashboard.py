from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ttscache", "0019_schedule_alerts")]

    operations = [
        migrations.AddField(
            model_name="clip",
            name="is_hidden",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddIndex(
            model_name="clip",
            index=models.Index(
                fields=["content_type", "voice", "is_active", "kept_at", "stored_size", "audio_file_size"],
                name="clip_holdings",
            ),
        ),
        migrations.AddIndex(
            model_name="clip",
            index=models.Index(
                fields=["content_hash"], condition=models.Q(is_hidden=True), name="clip_hidden"
            ),
        ),
    ]
