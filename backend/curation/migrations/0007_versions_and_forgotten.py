import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# What stands in a version never changes, whoever asks. Who froze it may leave the company.
REFUSE = """
CREATE FUNCTION curation_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a dataset version never changes'
        USING ERRCODE = 'integrity_constraint_violation';
END
$$;
CREATE TRIGGER curation_item_frozen
    BEFORE UPDATE OR DELETE ON curation_datasetversionitem
    FOR EACH ROW EXECUTE FUNCTION curation_refuse_change();
CREATE TRIGGER curation_version_kept
    BEFORE DELETE ON curation_datasetversion
    FOR EACH ROW EXECUTE FUNCTION curation_refuse_change();
CREATE TRIGGER curation_version_frozen
    BEFORE UPDATE ON curation_datasetversion
    FOR EACH ROW
    WHEN (
        (OLD.id, OLD.number, OLD.note, OLD.sha256, OLD.line_order, OLD.validation_share)
            IS DISTINCT FROM
        (NEW.id, NEW.number, NEW.note, NEW.sha256, NEW.line_order, NEW.validation_share)
        OR (OLD.counts, OLD.examples, OLD.findings, OLD.created_at)
            IS DISTINCT FROM (NEW.counts, NEW.examples, NEW.findings, NEW.created_at)
    )
    EXECUTE FUNCTION curation_refuse_change();
"""
ALLOW = """
DROP TRIGGER curation_version_frozen ON curation_datasetversion;
DROP TRIGGER curation_version_kept ON curation_datasetversion;
DROP TRIGGER curation_item_frozen ON curation_datasetversionitem;
DROP FUNCTION curation_refuse_change();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('curation', '0006_findings'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name='datasetversion',
            name='findings',
            field=models.JSONField(default=dict),
        ),
        # The lines of versions that stand stood in the order in which records were written.
        migrations.AddField(
            model_name='datasetversion',
            name='line_order',
            field=models.PositiveSmallIntegerField(default=1, editable=False),
        ),
        migrations.AlterField(
            model_name='datasetversion',
            name='line_order',
            field=models.PositiveSmallIntegerField(default=2, editable=False),
        ),
        migrations.AddField(
            model_name='record',
            name='erased_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='erased'),
        ),
        migrations.AddField(
            model_name='record',
            name='forget_reason',
            field=models.CharField(blank=True, default='', editable=False, max_length=500, verbose_name='why it is forgotten'),
        ),
        migrations.AddField(
            model_name='record',
            name='forgotten_at',
            field=models.DateTimeField(editable=False, null=True, verbose_name='forgotten'),
        ),
        migrations.AddField(
            model_name='record',
            name='forgotten_by',
            field=models.ForeignKey(editable=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL, verbose_name='forgotten by'),
        ),
        migrations.AlterField(
            model_name='datasetversionitem',
            name='reason',
            field=models.CharField(blank=True, choices=[('same_as_training', 'Held out so far, but it now asks what a training record asks, or nearly.'), ('same_as_golden', 'It asks what a golden record asks, and that must not be trained.'), ('near_golden', 'It asks nearly what a golden record asks, and that must not be trained.'), ('expired', 'Its last day of validity had passed.'), ('not_yet_valid', 'Its first day of validity had not come.')], max_length=20),
        ),
        migrations.AddConstraint(
            model_name='record',
            constraint=models.CheckConstraint(condition=models.Q(('forgotten_at', None), ('status', 'archived'), _connector='OR'), name='forgotten_stays_archived'),
        ),
        migrations.AddConstraint(
            model_name='record',
            constraint=models.CheckConstraint(condition=models.Q(('erased_at', None), ('forgotten_at__isnull', False), _connector='OR'), name='erased_is_forgotten'),
        ),
        migrations.AddIndex(
            model_name='record',
            index=models.Index(condition=models.Q(('erased_at__isnull', False)), fields=['erased_at'], name='erased_records'),
        ),
        migrations.RunSQL(REFUSE, ALLOW),
    ]
