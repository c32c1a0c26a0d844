import uuid

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

# The trail of an approval names the revision; what was written approved has none.
FILL = """
    UPDATE curation_record AS record
    SET approved_revision = COALESCE(
        approval.revision, CASE WHEN record.status = 'approved' THEN record.revision END
    )
    FROM curation_record AS same
    LEFT JOIN (
        SELECT entity_id, max((data->>'revision')::integer) AS revision
        FROM common_auditentry
        WHERE action = 'record.approve' AND entity_type = 'curation.record'
        GROUP BY entity_id
    ) AS approval ON approval.entity_id = same.id::text
    WHERE record.id = same.id AND (approval.revision IS NOT NULL OR record.status = 'approved')
"""


class Migration(migrations.Migration):

    dependencies = [
        ('common', '0001_initial'),
        ('curation', '0004_feedback_inbox'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='record',
            name='approved_revision',
            field=models.PositiveIntegerField(editable=False, null=True),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AddIndex(
            model_name='record',
            index=models.Index(fields=['-created_at', '-id'], name='record_newest'),
        ),
        migrations.AddIndex(
            model_name='record',
            index=models.Index(fields=['-updated_at', '-id'], name='record_changed'),
        ),
        migrations.AddIndex(
            model_name='record',
            index=models.Index(fields=['status', 'language', 'golden'], name='record_counts'),
        ),
        migrations.CreateModel(
            name='SavedFilter',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('name', models.CharField(max_length=60, verbose_name='name')),
                ('query', models.CharField(max_length=2000, verbose_name='filter')),
                ('shared', models.BooleanField(default=False, help_text='Everybody who works with records sees it.', verbose_name='shared')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='saved_filters', to=settings.AUTH_USER_MODEL, verbose_name='owner')),
            ],
            options={
                'verbose_name': 'saved filter',
                'verbose_name_plural': 'saved filters',
                'ordering': ('name', 'created_at'),
                'constraints': [models.UniqueConstraint(fields=('owner', 'name'), name='saved_filter_name_once')],
            },
        ),
    ]
