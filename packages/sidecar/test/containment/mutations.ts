import { comingIn } from './coming-in.ts'
import type { ContainedPod } from './contained-pod.ts'
import { mustWork } from './must-work.ts'
import { takingOver } from './taking-over.ts'
import type { Vector } from './vector.ts'
import { waysOut } from './ways-out.ts'

/** A rule set with something missing. */
export interface Mutant {
  readonly name: string
  readonly rules: string
  /** A whole line is gone, not only a part of what it asks. */
  readonly whole: boolean
}

/** One thing that a rule asks; without it, the rule is true of more. */
const conditions = [
  /[io]ifname "lo" /,
  /tcp [ds]port (\{[^}]*\}|\d+) /,
  /tcp flags & syn == 0 /,
  /meta l4proto tcp /,
  /udp dport (!= )?443 /,
  /limit rate \S+ /,
  /meta skuid (!= )?\d+ /,
  /ct direction reply /,
  /ct mark 0x\w+ /,
  /ct state [\w,]+ /,
  /ct status dnat /,
  /icmpv6 type \{[^}]*\} /,
]
const elements = [/[\w-]+, (?=[^{}]*\})/g, /, [\w-]+(?= \})/g, /established,/g, /,related/g]

/** Every line gone, every condition gone, every element of a set gone; blocks keep their beginnings and ends. */
export function mutantsOf(rules: string): Mutant[] {
  const lines = rules.split('\n')
  const chainAt = (index: number): string => lines.slice(0, index).findLast((line) => line.includes('chain ')) ?? ''
  return lines.flatMap((line, index) => {
    if (!/^( {4}|add|delete)/.test(line)) return []
    const where = chainAt(index).replace(/ *chain (\w+) \{/, '$1: ')
    const without = (name: string, ...instead: readonly string[]): Mutant => ({
      whole: instead.length === 0,
      name: `${where}${name}`,
      rules: lines.toSpliced(index, 1, ...instead).join('\n'),
    })
    const weaker = conditions.flatMap((condition) => condition.exec(line)?.[0] ?? [])
    const shorter = elements.flatMap((element) => [...line.matchAll(element)].map((found) => found))
    return [
      without(line.trim()),
      ...weaker.map((each) => without(`${line.trim()} — without ${each.trim()}`, line.replace(each, ''))),
      ...shorter.map((found) =>
        without(
          `${line.trim()} — without ${found[0].replaceAll(/[ ,]/g, '')}`,
          line.slice(0, found.index) + line.slice(found.index + found[0].length),
        ),
      ),
    ]
  })
}

/** Those that take long come last. */
const vectors: readonly Vector[] = [...mustWork, ...comingIn, ...waysOut, ...takingOver]

/** What goes wrong under these rules; at most `limit`, for who only wants to know whether anything does. */
export async function noticedBy(pod: ContainedPod, rules: string, limit: number = Infinity): Promise<string[]> {
  const problem = await applyTwice(pod, rules)
  if (problem !== undefined) return [problem]
  const noticed: string[] = []
  for (const vector of vectors) {
    if (noticed.length >= limit) break
    const found = await vector.run(pod).catch((error: unknown) => [`it could not be tried: ${String(error)}`])
    const [first] = found
    if (first !== undefined) noticed.push(`${vector.name} (${first})`)
  }
  return noticed
}

/** As in a pod whose sandbox is made anew. */
async function applyTwice({ sandbox }: ContainedPod, rules: string): Promise<string | undefined> {
  await sandbox.nft('flush ruleset')
  try {
    await sandbox.nft(rules)
    const once = await sandbox.run('pod', 'nft', 'list', 'ruleset')
    await sandbox.nft(rules)
    return once === (await sandbox.run('pod', 'nft', 'list', 'ruleset'))
      ? undefined
      : 'applying the rules again changes them'
  } catch {
    return 'the rules cannot be applied'
  }
}
