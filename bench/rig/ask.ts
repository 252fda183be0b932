// Asks for one thing after the other, each different, so that each needs an approval of its own: ask.ts URL COUNT
const [, , url = '', count = ''] = process.argv

for (let at = 0; at < Number(count); at++) {
  const response = await fetch(url, { method: 'POST', body: JSON.stringify({ refund: at }) })
  if (response.status !== 200) throw new Error(`answered ${response.status}: ${await response.text()}`)
  await response.text()
}
