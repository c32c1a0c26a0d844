from django.db import migrations, models

# Lines of a statement each, not one counter that all writers would wait for.
COUNT = """
CREATE FUNCTION curation_tally() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO curation_recordtally (status, language, golden, worst_finding, number)
        SELECT status, language, golden, worst_finding, count(*) FROM written
        GROUP BY status, language, golden, worst_finding;
    ELSIF TG_OP = 'UPDATE' THEN
        INSERT INTO curation_recordtally (status, language, golden, worst_finding, number)
        SELECT status, language, golden, worst_finding, sum(number) FROM (
            SELECT status, language, golden, worst_finding, 1 AS number FROM written
            UNION ALL SELECT status, language, golden, worst_finding, -1 FROM gone
        ) AS moved
        GROUP BY status, language, golden, worst_finding HAVING sum(number) <> 0;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO curation_recordtally (status, language, golden, worst_finding, number)
        SELECT status, language, golden, worst_finding, -count(*) FROM gone
        GROUP BY status, language, golden, worst_finding;
    ELSE
        DELETE FROM curation_recordtally;
    END IF;
    RETURN NULL;
END
$$;
CREATE TRIGGER curation_tally_insert AFTER INSERT ON curation_record
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION curation_tally();
CREATE TRIGGER curation_tally_update AFTER UPDATE ON curation_record
    REFERENCING OLD TABLE AS gone NEW TABLE AS written
    FOR EACH STATEMENT EXECUTE FUNCTION curation_tally();
CREATE TRIGGER curation_tally_delete AFTER DELETE ON curation_record
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION curation_tally();
CREATE TRIGGER curation_tally_truncate AFTER TRUNCATE ON curation_record
    FOR EACH STATEMENT EXECUTE FUNCTION curation_tally();
INSERT INTO curation_recordtally (status, language, golden, worst_finding, number)
    SELECT status, language, golden, worst_finding, count(*) FROM curation_record
    GROUP BY status, language, golden, worst_finding;
"""
FORGET = """
DROP TRIGGER curation_tally_insert ON curation_record;
DROP TRIGGER curation_tally_update ON curation_record;
DROP TRIGGER curation_tally_delete ON curation_record;
DROP TRIGGER curation_tally_truncate ON curation_record;
DROP FUNCTION curation_tally();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('curation', '0007_versions_and_forgotten'),
    ]

    operations = [
        migrations.CreateModel(
            name='RecordTally',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('status', models.CharField(choices=[('draft', 'draft'), ('in_review', 'in review'), ('approved', 'approved'), ('rejected', 'rejected'), ('archived', 'archived')], max_length=10)),
                ('language', models.CharField(choices=[('zh', 'Chinese'), ('en', 'English')], max_length=2)),
                ('golden', models.BooleanField()),
                ('worst_finding', models.PositiveSmallIntegerField()),
                ('number', models.IntegerField()),
            ],
            options={
                'verbose_name': 'tally of records',
                'verbose_name_plural': 'tally of records',
            },
        ),
        migrations.RunSQL(COUNT, FORGET),
    ]
