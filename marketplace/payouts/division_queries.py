"""What is asked about divisions: which absolute shares are in a work, and whether its split is made of them."""

from collections.abc import Iterable

from marketplace.payouts.divisions import DivisionShare


def absolute_in(divisions: Iterable[str]) -> dict[str, list[tuple[str, int]]]:
    """Return the absolute shares of each division by its digest: (subject, ppb), by subject; one query."""
    found: dict[str, list[tuple[str, int]]] = {digest: [] for digest in divisions}
    rows = DivisionShare.objects.filter(division__in=found).order_by("subject")
    for division, subject, share_ppb in rows.values_list("division_id", "subject", "share_ppb"):
        found[division].append((subject, share_ppb))
    return found


# Of every division: what each payee gets by its absolute shares and its rest, as numerators over the whole squared.
_NUMERATORS = """
    SELECT division_id, payee_id, sum(amount) AS amount
      FROM (SELECT a.division_id, h.payee_id, a.share_ppb::numeric * h.share_ppb AS amount
              FROM payouts_division_share a JOIN payouts_split_share h ON h.split_id = a.rest_id
             UNION ALL
            SELECT d.digest, h.payee_id, h.share_ppb * (1000000000 - coalesce(
                       (SELECT sum(a.share_ppb) FROM payouts_division_share a WHERE a.division_id = d.digest), 0))
              FROM payouts_division d JOIN payouts_split_share h ON h.split_id = d.rest_id) part
     GROUP BY division_id, payee_id
"""

DIVISIONS = [
    (
        "Division {digest} is not the digest of its rest, its split and its absolute shares.",
        """
        SELECT d.digest FROM payouts_division d
          LEFT JOIN (SELECT division_id, string_agg(format('{"rest":"%s","share_ppb":%s,"subject":%s}', rest_id,
                            share_ppb, to_json(subject)), ',' ORDER BY subject COLLATE "C") AS told
                       FROM payouts_division_share GROUP BY division_id) a ON a.division_id = d.digest
         WHERE d.digest <> encode(sha256(convert_to(format(
                   '{"absolute":[%s],"format":"worldloom/division/1","rest":"%s","split":"%s"}',
                   a.told, d.rest_id, d.split_id), 'UTF8')), 'hex')
        """,
    ),
    (
        "Division {digest} gives {payee_id} {given} ppb and its split gives {split}.",
        f"""
        SELECT digest, payee_id, given, split
          FROM (SELECT coalesce(n.division_id, s.division_id) AS digest, payee_id,
                       coalesce(div(n.amount, 1000000000), 0)
                           + (coalesce(n.place, 1) <= coalesce(n.ups, 0))::int AS given,
                       coalesce(s.share_ppb, 0) AS split
                  FROM (SELECT division_id, payee_id, amount,
                               row_number() OVER (PARTITION BY division_id
                                                  ORDER BY amount % 1000000000 DESC, payee_id) AS place,
                               1000000000 - sum(div(amount, 1000000000)) OVER (PARTITION BY division_id) AS ups
                          FROM ({_NUMERATORS}) numerators) n
                  FULL JOIN (SELECT d.digest AS division_id, h.payee_id, h.share_ppb
                               FROM payouts_division d JOIN payouts_split_share h ON h.split_id = d.split_id) s
                    USING (division_id, payee_id)) compared
         WHERE given <> split
        """,
    ),
    (
        "Division {digest} has absolute shares of {taken} ppb, which leave nothing or are none.",
        """
        SELECT d.digest, coalesce(sum(a.share_ppb), 0) AS taken
          FROM payouts_division d LEFT JOIN payouts_division_share a ON a.division_id = d.digest
         GROUP BY d.digest HAVING coalesce(sum(a.share_ppb), 0) NOT BETWEEN 1 AND 999999999
        """,
    ),
    (
        "Work {subject} divides its absolute shares in {rests} ways.",
        """
        SELECT subject, count(DISTINCT rest_id) AS rests
          FROM payouts_division_share GROUP BY subject HAVING count(DISTINCT rest_id) > 1
        """,
    ),
]
"""(sentence, question), as in invariants.py: a split that has a division folds again from it."""
