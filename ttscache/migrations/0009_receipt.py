from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("ttscache", "0007_budget"),
    ]

    operations = [
        migrations.CreateModel(
            name="Receipt",
            fields=[
                ("ledger", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("page", models.BigIntegerField()),
                ("signed_at", models.DateTimeField()),
            ],
        ),
    ]
