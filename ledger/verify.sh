#!/usr/bin/env bash
# Verify one entry, or one certificate, of a Worldloom log: bash, coreutils and openssl 3, no network.
#
#   verify.sh entry ENTRY PROOF VKEY          the file ENTRY is in the log of VKEY, by its tlog-proof
#   verify.sh certificate CERTIFICATE KEY     the file CERTIFICATE is a license signed by the key of the key entry KEY
#
# In an unpacked bundle: verify.sh entry entries/grant.json proofs/grant.tlog-proof "$(cat log.vkey)", the same for
# entries/key.json, then verify.sh certificate certificate.jws entries/key.json; the grant entry names the SHA-256 of
# certificate.jws. Compare VKEY with where it is published. Exit status as of verify.py: 0 yes, 1 no, 2 wrong usage.
# It says less than verify.py, which also checks files, terms, creator and that all of them belong together.
set -euo pipefail
export LC_ALL=C

fail() { printf 'FAILED: %s.\n' "$*"; exit 1; }
usage() { sed -n '4,5s/^# *//p' "$0" >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

hex() { od -An -v -tx1 | tr -d ' \n'; }
unhex() { sed 's/../\\x&/g' | { read -r escaped || true; printf '%b' "${escaped:-}"; }; }
sha256() { openssl dgst -sha256 -r | cut -c1-64; }

# Decodes the one canonical spelling of base64 ($2 is `url` for base64url without padding) into the file $3.
unbase64() {
  local text=$1 padded=$1 again
  if [ "${2:-}" = url ]; then
    [[ $text =~ ^[A-Za-z0-9_-]*$ ]] || return 1
    padded=$(printf %s "$text" | tr -- '-_' '+/')
    while [ $((${#padded} % 4)) -ne 0 ]; do padded+='='; done
  else
    [[ $text =~ ^[A-Za-z0-9+/]*=?=?$ ]] || return 1
  fi
  printf %s "$padded" | base64 -d >"$3" 2>/dev/null || return 1
  again=$(base64 -w 0 <"$3")
  if [ "${2:-}" = url ]; then again=$(printf %s "$again" | tr -- '+/' '-_' | tr -d '='); fi
  [ "$again" = "$text" ]
}

# Whether the file is text: no NUL, which bash would drop from what it reads.
text() { [ "$(tr -d '\000' <"$1" | wc -c)" -eq "$(wc -c <"$1")" ]; }

# The first string member of that name in a file of canonical JSON: in an entry, `body` stands before all else.
member() {
  local found
  found=$(grep -aoE "\"$2\":\"[^\"\\\\]*\"" "$1" | head -n 1)
  found=${found#*:\"}
  [ -n "$found" ] && printf %s "${found%\"}"
}

verify_entry() {
  local entry=$1 proof=$2 vkey=$3 origin rest key_id encoded size root index line name signature signed=
  [ "$(wc -c <"$entry")" -le 4096 ] || fail "the entry is longer than 4096 bytes"
  text "$proof" || fail "the proof is not a tlog-proof"

  # The verifier key: name+hash+base64(0x01 || key), c2sp.org/signed-note.
  origin=${vkey%%+*} rest=${vkey#*+}
  key_id=${rest%%+*} encoded=${rest#*+}
  unbase64 "$encoded" '' "$work/key" || fail "the key is not an Ed25519 verifier key"
  [[ -n $origin && $vkey == "$origin+$key_id+$encoded" && $(hex <"$work/key") =~ ^01[0-9a-f]{64}$ ]] \
    || fail "the key is not an Ed25519 verifier key"
  [ "$({ printf '%s\n' "$origin"; cat "$work/key"; } | sha256 | cut -c1-8)" = "$key_id" ] \
    || fail "the key has a hash that is not that of its name and key"
  { printf 302a300506032b6570032100; tail -c 32 "$work/key" | hex; } | unhex \
    | openssl pkey -pubin -inform DER -out "$work/key.pem" 2>/dev/null || fail "the key is not an Ed25519 key"

  # The proof: three parts with blank lines between them, c2sp.org/tlog-proof.
  local -a lines=() head=() note=() signatures=()
  mapfile -t lines <"$proof"
  [ "$(tail -c 1 "$proof" | hex)" = 0a ] || fail "the proof does not end in a newline"
  local part=0
  for line in "${lines[@]}"; do
    if [ -z "$line" ]; then part=$((part + 1)); continue; fi
    case $part in
      0) head+=("$line") ;;
      1) note+=("$line") ;;
      2) signatures+=("$line") ;;
    esac
  done
  [ $part -eq 2 ] || fail "the proof is not a tlog-proof with a checkpoint"
  [ "${head[0]:-}" = 'c2sp.org/tlog-proof@v1' ] || fail "the proof is not a tlog-proof without extra data"
  [[ ${head[1]:-} =~ ^index\ (0|[1-9][0-9]{0,17})$ ]] || fail "the proof is not a tlog-proof without extra data"
  index=${BASH_REMATCH[1]}

  # The checkpoint, signed by the key: c2sp.org/tlog-checkpoint.
  [[ ${#note[@]} -eq 3 && ${note[0]} == "$origin" && ${note[1]} =~ ^[1-9][0-9]{0,17}$ ]] \
    || fail "the checkpoint is not one of $origin"
  size=${note[1]}
  unbase64 "${note[2]}" '' "$work/root" || fail "the checkpoint holds invalid base64"
  root=$(hex <"$work/root")
  [ ${#root} -eq 64 ] || fail "the checkpoint has a bad root"
  printf '%s\n' "${note[@]}" >"$work/note"
  for line in "${signatures[@]}"; do
    [[ $line =~ ^—\ ([^\ ]+)\ ([^\ ]+)$ ]] || fail "the checkpoint has a malformed signature line"
    name=${BASH_REMATCH[1]} signature=${BASH_REMATCH[2]}
    unbase64 "$signature" '' "$work/signature" || fail "the checkpoint holds invalid base64"
    if [ "$name" = "$origin" ] && [ "$(head -c 4 "$work/signature" | hex)" = "$key_id" ]; then
      tail -c +5 "$work/signature" >"$work/raw"
      openssl pkeyutl -verify -pubin -inkey "$work/key.pem" -rawin -in "$work/note" -sigfile "$work/raw" \
        >/dev/null 2>&1 || fail "the checkpoint's signature by the log key does not verify"
      signed=yes
    fi
  done
  [ "$signed" ] || fail "the checkpoint is not signed by the log key of $origin"

  # The path from the leaf to the root: RFC 9162 section 2.1.3.2.
  [ "$index" -lt "$size" ] || fail "leaf $index is not in a tree of $size"
  local position=$index last=$((size - 1)) computed sibling right
  computed=$({ printf '\0'; cat "$entry"; } | sha256)
  for line in "${head[@]:2}"; do
    unbase64 "$line" '' "$work/sibling" || fail "the proof holds invalid base64"
    sibling=$(hex <"$work/sibling")
    [ ${#sibling} -eq 64 ] || fail "the proof has a hash that is not 32 bytes"
    [ $last -gt 0 ] || fail "the proof is too long"
    right=$(((position & 1) || position == last))
    if [ $right -eq 1 ]; then computed=$(printf '01%s%s' "$sibling" "$computed" | unhex | sha256)
    else computed=$(printf '01%s%s' "$computed" "$sibling" | unhex | sha256); fi
    while [ $right -eq 1 ] && [ $position -ne 0 ] && [ $((position & 1)) -eq 0 ]; do
      position=$((position >> 1)) last=$((last >> 1))
    done
    position=$((position >> 1)) last=$((last >> 1))
  done
  [ $last -eq 0 ] || fail "the proof is too short"
  [ "$computed" = "$root" ] || fail "the entry is not leaf $index of the log"
  printf 'OK: the entry is leaf %s of log %s at size %s.\n' "$index" "$origin" "$size"
}

verify_certificate() {
  local certificate=$1 entry=$2 token header payload signature kid x y part
  text "$certificate" || fail "the certificate is not a compact JWS"
  token=$(cat "$certificate"; printf x)
  [[ ${token%x} =~ ^([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)$ ]] || fail "the certificate is not a compact JWS"
  header=${BASH_REMATCH[1]} payload=${BASH_REMATCH[2]} signature=${BASH_REMATCH[3]}
  for part in header payload signature; do
    unbase64 "${!part}" url "$work/$part" || fail "the certificate holds base64url that is not canonical"
  done

  # The key entry: its kid is the RFC 7638 thumbprint of its key, which is for certificates.
  text "$entry" && kid=$(member "$entry" kid) && x=$(member "$entry" x) && y=$(member "$entry" y) \
    || fail "the key entry is not one"
  local kind
  kind="$(member "$entry" type) $(member "$entry" use) $(member "$entry" alg) $(member "$entry" crv)" || true
  [ "$kind" = 'key certificates ES256 P-256' ] \
    || fail "the key entry does not register a key for certificates"
  printf '{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}' "$x" "$y" >"$work/jwk"
  unbase64 "$kid" url "$work/kid" && [ "$(hex <"$work/kid")" = "$(sha256 <"$work/jwk")" ] \
    || fail "the key entry's kid is not its key's thumbprint"

  # The header: one of two, by the registered key (docs/formats/certificate.md).
  printf '{"alg":"ES256","cty":"vc","kid":"%s","typ":"vc+jwt"}' "$kid" >"$work/credential"
  printf '{"alg":"ES256","kid":"%s","typ":"worldloom-license+jwt"}' "$kid" >"$work/former"
  cmp -s "$work/header" "$work/credential" || cmp -s "$work/header" "$work/former" \
    || fail "the certificate's header is not that of a license by the registered key"

  # The signature: r || s becomes DER, the point becomes PEM, and openssl does the rest.
  unbase64 "$x" url "$work/x" && unbase64 "$y" url "$work/y" || fail "the key entry is not one"
  [[ $(wc -c <"$work/x") -eq 32 && $(wc -c <"$work/y") -eq 32 ]] || fail "the key entry is not one"
  { printf 3059301306072a8648ce3d020106082a8648ce3d03010703420004; hex <"$work/x"; hex <"$work/y"; } | unhex \
    | openssl pkey -pubin -inform DER -out "$work/key.pem" 2>/dev/null || fail "the key entry's key is not on P-256"
  [ "$(wc -c <"$work/signature")" -eq 64 ] || fail "the certificate's signature is not 64 bytes"
  local r s body
  r=$(integer "$(head -c 32 "$work/signature" | hex)") s=$(integer "$(tail -c 32 "$work/signature" | hex)")
  body=$r$s
  printf '30%02x%s' $((${#body} / 2)) "$body" | unhex >"$work/der"
  printf '%s.%s' "$header" "$payload" \
    | openssl dgst -sha256 -verify "$work/key.pem" -signature "$work/der" >/dev/null 2>&1 \
    || fail "the certificate's signature does not verify"
  printf 'OK: the certificate is signed by key %s.\n' "$kid"
}

# A DER INTEGER of an unsigned number in hex.
integer() {
  local number=$1
  while [[ ${#number} -gt 2 && $number == 00* ]]; do number=${number:2}; done
  if [[ $number == [89a-f]* ]]; then number=00$number; fi
  printf '02%02x%s' $((${#number} / 2)) "$number"
}

case ${1:-} in
  entry) [[ $# -eq 4 && -f $2 && -f $3 ]] || usage; verify_entry "$2" "$3" "$4" ;;
  certificate) [[ $# -eq 3 && -f $2 && -f $3 ]] || usage; verify_certificate "$2" "$3" ;;
  *) usage ;;
esac
