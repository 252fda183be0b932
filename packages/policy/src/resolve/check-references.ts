import type { MaskingProfile, RuleList } from '@chaperone/api'

/** `own` is the source of the session's inline rules. Each answers one message a defect, which names the field. */
export function missingProfiles(list: RuleList, profiles: readonly MaskingProfile[], own: string): string[] {
  return list.rules.flatMap((rule, index) =>
    (rule.mask ?? []).flatMap((name, at) =>
      profiles.some((profile) => profile.name === name)
        ? []
        : [`${fieldOf(list, own)}[${index}].mask[${at}]: profile "${name}" is not in spec.masking.profiles`],
    ),
  )
}

/** Names are the keys of the list, which the API server enforces and a file does not. */
export function duplicateRules(list: RuleList, own: string): string[] {
  return repeats(list.rules).map(
    ({ name, index }) => `${fieldOf(list, own)}[${index}].name: rule "${name}" is there twice`,
  )
}

export function duplicateProfiles(profiles: readonly MaskingProfile[]): string[] {
  return repeats(profiles).map(
    ({ name, index }) => `spec.masking.profiles[${index}].name: profile "${name}" is there twice`,
  )
}

function fieldOf(list: RuleList, own: string): string {
  return list.source === own ? 'spec.egress.rules' : `${list.source} spec.rules`
}

function repeats(items: readonly { readonly name: string }[]): { name: string; index: number }[] {
  const seen = new Set<string>()
  return items.flatMap(({ name }, index) => {
    if (!seen.has(name)) {
      seen.add(name)
      return []
    }
    return [{ name, index }]
  })
}
