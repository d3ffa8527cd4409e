"""Studios as legal entities, and what they say of their size."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("people", "0002_creators_keys"),
    ]

    operations = [
        migrations.CreateModel(
            name="SizeDeclaration",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("people", models.PositiveIntegerField()),
                ("revenue_usd", models.BigIntegerField()),
                ("declared_at", models.DateTimeField()),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.AddField(
            model_name="studio",
            name="country",
            field=models.CharField(blank=True, max_length=2),
        ),
        migrations.AddField(
            model_name="studio",
            name="legal_name",
            field=models.CharField(blank=True, max_length=120),
        ),
        migrations.AddField(
            model_name="studio",
            name="registration",
            field=models.CharField(blank=True, max_length=80),
        ),
        migrations.AddConstraint(
            model_name="studio",
            constraint=models.CheckConstraint(
                condition=models.Q(("country__regex", "^([A-Z]{2})?$")), name="people_country_is_a_code"
            ),
        ),
        migrations.AddField(
            model_name="sizedeclaration",
            name="declared_by",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="sizedeclaration",
            name="studio",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="sizes", to="people.studio"
            ),
        ),
        migrations.AddConstraint(
            model_name="sizedeclaration",
            constraint=models.CheckConstraint(
                condition=models.Q(("people__gte", 1), ("revenue_usd__gte", 0)), name="people_size_is_possible"
            ),
        ),
        migrations.RunSQL(
            """
CREATE FUNCTION people_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% refused: rows of % are only ever added', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME, TABLE = TG_TABLE_NAME;
END $$;
CREATE TRIGGER people_sizedeclaration_is_only_added BEFORE UPDATE OR DELETE OR TRUNCATE ON people_sizedeclaration
    FOR EACH STATEMENT EXECUTE FUNCTION people_refuse_change();
""",
            """
DROP TRIGGER people_sizedeclaration_is_only_added ON people_sizedeclaration;
DROP FUNCTION people_refuse_change();
""",
        ),
    ]
