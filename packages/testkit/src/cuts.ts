import fc from 'fast-check'

/** A byte string cut into pieces at arbitrary places: whatever the cuts, a decoder must see the same messages. */
export function cutsOf(bytes: Buffer): fc.Arbitrary<Buffer[]> {
  return fc.uniqueArray(fc.integer({ min: 0, max: bytes.length }), { maxLength: 12 }).map((cuts) => {
    const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length]
    return edges.slice(1).map((edge, index) => bytes.subarray(edges[index], edge))
  })
}

/** A byte string with some bytes changed, dropped or added. */
export function mutationsOf(bytes: Buffer): fc.Arbitrary<Buffer> {
  const change = fc.tuple(
    fc.constantFrom('set', 'drop', 'add'),
    fc.nat({ max: Math.max(0, bytes.length - 1) }),
    fc.nat({ max: 255 }),
  )
  return fc.array(change, { minLength: 1, maxLength: 6 }).map((changes) => {
    const out = [...bytes]
    for (const [kind, at, value] of changes)
      out.splice(Math.min(at, out.length), kind === 'add' ? 0 : 1, ...(kind === 'drop' ? [] : [value]))
    return Buffer.from(out)
  })
}
