"""How somebody checks a bundle of evidence with tools that are not ours."""

TEXT = """Evidence about the disputed payment {charge}
{line}

cover.pdf            what was bought, when, by whom, and what was delivered
facts.json           the same as data, amounts in minor units of the currency
texts.json           the texts for the gateway's form
papers/              invoices, receipts and credit notes of the order, where there are any
licenses/<number>/   each license behind the payment: certificate, terms, log of access, proofs
SHA256SUMS           the digest of each file here

Nothing in it has to be believed because we say so:

1  The files are as they were made:            sha256sum -c SHA256SUMS

For a license, in its folder:

2  Its certificate is signed by our key, and says who is licensed for what under which terms, and when:

     openssl dgst -sha256 -verify openssl/certificate.pem -signature openssl/certificate.sig openssl/certificate.txt

   certificate.jws is the same as a JWS (RFC 7515, ES256): any JOSE library reads it. Keys: {site}/.well-known/jwks.json

3  The public log says so since then. entries/grant.json names the digest of certificate.jws:

     sha256sum certificate.jws

4  That entry is in the log. This prints the root of the tree that entry and proof lead to (RFC 9162, 2.1.3.2); it
   must be the third line of openssl/checkpoint.txt. Python's standard library is all it needs:

{snippet}
5  That root is signed by the log's key, which is published at {site}/log/ :

     openssl pkeyutl -verify -pubin -inkey openssl/log.pem -rawin -in openssl/checkpoint.txt \\
       -sigfile openssl/checkpoint.sig

   The log can only be added to: its whole tree is public, and where anchor.json is, a public chain has its root.

6  downloads.csv lists each time that the licensed files were fetched: by a person who had signed in, by that name, or
   by a program of the licensee, as "key" and the visible part of its key. files.csv lists what is in each download.
   The addresses of computers are not recorded.
"""

SNIPPET = """import base64, hashlib
H = lambda data: hashlib.sha256(data).digest()
entry = open("entries/grant.json", "rb").read()
head, _, note = open("proofs/grant.tlog-proof").read().partition("\\n\\n")
lines = head.split("\\n")[1:]
at = next(i for i, line in enumerate(lines) if line.startswith("index "))
index, path = int(lines[at][6:]), [base64.b64decode(line) for line in lines[at + 1:]]
last, root = int(note.split("\\n")[1]) - 1, H(b"\\0" + entry)
for sibling in path:
    if index & 1 or index == last:
        root = H(b"\\1" + sibling + root)
        while not index & 1 and index:
            index, last = index >> 1, last >> 1
    else:
        root = H(b"\\1" + root + sibling)
    index, last = index >> 1, last >> 1
print(base64.b64encode(root).decode())
"""


def readme(charge: str, site: str) -> str:
    """This will write the file that says what is in a bundle and how it is checked."""
    snippet = "".join(f"     {line}\n" for line in SNIPPET.splitlines())
    return TEXT.format(charge=charge, line="=" * (34 + len(charge)), site=site, snippet=snippet)
