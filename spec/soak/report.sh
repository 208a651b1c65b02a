#!/bin/sh
# spec/soak/report.sh: the report page of a rehearsed campaign of 1,000,000 records, opened in a headless Chromium: its size, its table,
# its search, what it asks the network for, whether a narrow window has to scroll sideways.
set -eu
cd "$(dirname "$0")/../.."
browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome)
dir=$(mktemp -d) && trap 'rm -rf "$dir"' EXIT
build/tcb rehearse .ci/screenshots.lua "$dir" 1000000 60/60 --seed 7 --ledger "$dir/ledger" > /dev/null
build/tcb report "$dir/november.db" --input "$dir/november.csv" --html "$dir/report.html" --json > "$dir/report.json" 2> "$dir/said"
browse() {                                               # WIDTH SCRIPT: what the page says after the script has run
  sed '$d' "$dir/report.html" > "$dir/page.html"
  printf '<script>%s</script>\n</html>\n' "$2" >> "$dir/page.html"
  timeout 120 "$browser" --headless --no-sandbox --disable-gpu --user-data-dir="$dir/profile" --window-size="$1,900" \
    --dump-dom "file://$dir/page.html" 2> "$dir/said" > "$dir/dom"
}
said() { sed -n 's|.*<p id="said"[^>]*>\([^<]*\)</p>.*|\1|p' "$dir/dom"; }
browse 1000 'q.value="9003 os";q.dispatchEvent(new Event("input"))'
found=$(said)
browse 400 'document.title=(document.documentElement.scrollWidth<=innerWidth?"fits":"too wide")+" "
  +performance.getEntriesByType("resource").filter(function(e){return !/^data:/.test(e.name)}).length;document.getElementById("next").click()'
python3 - "$dir" "$found" "$(said)" <<'PY'
import json, re, sys
folder, found, paged = sys.argv[1:]
page, dom = open(folder + "/report.html").read(), open(folder + "/dom").read()
told = json.load(open(folder + "/report.json"))
true = {"success": 0, "error": 0, "committed": 0}
reasons = {}
for line in open(folder + "/ledger"):
    e = json.loads(line)
    if e["event"] == "request" and e["call"] == "push" and e["status"] == 200:
        true["committed"] += e["records"]
    for r in e.get("results", []) if e["event"] == "settle" else []:
        true[r["status"]] += 1
        if r["status"] == "error":
            reasons[r["message"]] = reasons.get(r["message"], 0) + 1
data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.S).group(1))
rows = data["rows"]
ours = sum("9003" in " ".join(map(str, r)) and "OS" in data["reasons"][r[4]] for r in rows)
more = true["error"] + told["refused"] - 10000

def verdict(name, good, measured, bound):
    print("ok" if good else "MISS", name, str(measured).replace(" ", "_"), bound)

verdict("report_page_bytes", len(page) < 2e6, len(page), 2000000)
verdict("report_page_rows", len(rows) == 10000, len(rows), 10000)
verdict("report_page_rest", f"{more:,} more rows" in page and "tcb export " in page, more, "named")
shown = [told["success"], told["failed"], told["success"] + told["failed"]]
verdict("report_page_ledger", shown == [true["success"], true["error"], true["committed"]] and told["reasons"] == reasons
        and all(f"{n:,}</" in page for n in shown + list(reasons.values())), shown, "ledger")
verdict("report_page_search", found == f"Rows 1 to {min(100, ours):,} of {ours:,}", found, "found")
verdict("report_page_pages", paged == "Rows 101 to 200 of 10,000", paged, "paged")
fits, requests = re.search("<title>(.*) ([0-9]+)</title>", dom).groups()
verdict("report_page_fits_400", fits == "fits", fits, "fits")
verdict("report_page_requests", requests == "0", requests, 0)
PY
