
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.db.models.deletion
import django.utils.timezone
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('assistants', '0001_initial'),
        ('curation', '0003_near_keys'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='FeedbackItem',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='created')),
                ('updated_at', models.DateTimeField(auto_now=True, verbose_name='changed')),
                ('message_id', models.UUIDField(editable=False, verbose_name='message')),
                ('question', models.TextField(verbose_name='question')),
                ('answer', models.TextField(blank=True, verbose_name='answer given')),
                ('history', models.JSONField(blank=True, default=list, verbose_name='earlier turns')),
                ('assistant_name', models.CharField(blank=True, max_length=80, verbose_name='assistant')),
                ('adapter_name', models.CharField(blank=True, max_length=200, verbose_name='adapter')),
                ('sources', models.JSONField(blank=True, default=list, verbose_name='sources')),
                ('rating', models.CharField(choices=[('up', 'helpful'), ('down', 'not right')], max_length=4, verbose_name='rating')),
                ('comment', models.TextField(blank=True, max_length=2000, verbose_name='comment')),
                ('correction', models.TextField(blank=True, max_length=40000, verbose_name='suggested answer')),
                ('revision', models.PositiveIntegerField(default=1, editable=False)),
                ('state', models.CharField(choices=[('open', 'open'), ('drafted', 'made a record'), ('handled', 'handled')], default='open', max_length=8, verbose_name='state')),
                ('handled_at', models.DateTimeField(null=True, verbose_name='handled at')),
                ('note', models.CharField(blank=True, max_length=500, verbose_name='note to the reporter')),
                ('search', django.contrib.postgres.search.SearchVectorField(default='', editable=False)),
                ('assistant', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='assistants.assistant', verbose_name='assistant')),
                ('handled_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='handled by')),
                ('record', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='feedback', to='curation.record', verbose_name='record')),
                ('reporter', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='feedback_given', to=settings.AUTH_USER_MODEL, verbose_name='reported by')),
            ],
            options={
                'verbose_name': 'feedback item',
                'verbose_name_plural': 'feedback items',
                'ordering': ('-created_at', '-id'),
                'indexes': [models.Index(fields=['state', '-created_at'], name='curation_fe_state_32c1d1_idx'), models.Index(fields=['reporter', '-created_at'], name='curation_fe_reporte_c557dd_idx'), django.contrib.postgres.indexes.GinIndex(fields=['search'], name='curation_fe_search_e481be_gin')],
                'constraints': [models.UniqueConstraint(fields=('reporter', 'message_id'), name='feedback_once_per_message')],
            },
        ),
    ]
