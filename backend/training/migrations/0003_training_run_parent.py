import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("training", "0002_adapter_jobs")]

    operations = [
        migrations.AddField(
            model_name="trainingrun",
            name="parent",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="children",
                to="training.adapter",
                verbose_name="goes on from",
            ),
        ),
    ]
