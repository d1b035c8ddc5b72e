#!/bin/sh
# From an empty folder and a file of orders to a model's features: the commands of the README's "Your
# own data", and how long they took. Needs `slate` on the path; everything is written into FOLDER.
#
#     sh docs/own_data/run.sh FOLDER
set -eu

orders=$(cd "$(dirname "$0")" && pwd)/orders.csv
folder=${1:?"say an empty folder, which it makes: sh docs/own_data/run.sh FOLDER"}
mkdir -p "$folder"
cp "$orders" "$folder"
cd "$folder"
began=$(date +%s)

slate init my_shop --from orders.csv
slate load order orders.csv --arrival 'placed_at + 5m'
slate run
slate query customer_features customer_id=c01

echo "from orders.csv to a customer's features: $(($(date +%s) - began)) s"
