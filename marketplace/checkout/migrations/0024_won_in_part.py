"""What came back of a dispute that was won in part, and in which currency a dispute's fee was taken."""

from django.db import migrations, models

# Of one that was won whole there is nothing to write, which is found when it is looked at.
_DUE = """
DROP TRIGGER checkout_lost_disputes_have_papers ON checkout_disputestep;
CREATE TRIGGER checkout_lost_disputes_have_papers AFTER INSERT ON checkout_disputestep
    FOR EACH ROW WHEN (NEW.state IN ('lost', 'won')) EXECUTE FUNCTION checkout_paper_is_due();
"""
_BEFORE = """
DROP TRIGGER checkout_lost_disputes_have_papers ON checkout_disputestep;
CREATE TRIGGER checkout_lost_disputes_have_papers AFTER INSERT ON checkout_disputestep
    FOR EACH ROW WHEN (NEW.state = 'lost') EXECUTE FUNCTION checkout_paper_is_due();
"""


class Migration(migrations.Migration):
    dependencies = [("checkout", "0023_refunds_that_come_back")]
    operations = [
        migrations.AddField(model_name="gatewayevent", name="returned_minor", field=models.BigIntegerField(null=True)),
        migrations.AddField(
            model_name="disputestep",
            name="fee_currency",
            field=models.CharField(blank=True, db_default="", default="", max_length=3),
        ),
        migrations.RunSQL(_DUE, _BEFORE),
    ]
