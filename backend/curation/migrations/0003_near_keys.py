import django.contrib.postgres.fields
import django.contrib.postgres.indexes
from django.db import migrations, models

from ml.near import near_keys

BATCH = 1000


def fill(apps, schema_editor):
    """What was written before is found by what is nearly the same as well."""
    Record = apps.get_model("curation", "Record")
    batch = []
    for record in Record.objects.iterator(chunk_size=BATCH):
        context = f"\n{record.input}" if record.input else ""
        record.near_keys = near_keys(
            wording + context for wording in (record.instruction, *record.phrasings)
        )
        batch.append(record)
        if len(batch) == BATCH:
            Record.objects.bulk_update(batch, ["near_keys"])
            batch = []
    Record.objects.bulk_update(batch, ["near_keys"])


class Migration(migrations.Migration):

    dependencies = [
        ('curation', '0002_search_and_validity'),
    ]

    operations = [
        migrations.AddField(
            model_name='record',
            name='near_keys',
            field=django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), default=list, editable=False, size=None),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name='record',
            index=django.contrib.postgres.indexes.GinIndex(fastupdate=False, fields=['near_keys'], name='curation_re_near_ke_d59d25_gin'),
        ),
    ]
