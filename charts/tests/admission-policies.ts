import type { KubeApiserver } from '@chaperone/testkit'
import { renderChart, type KubeObject } from './rendered-chart.ts'

export interface Validation {
  readonly expression: string
  readonly message?: string
  readonly messageExpression?: string
}

export interface Policy extends KubeObject {
  readonly spec: { readonly validations: readonly Validation[]; readonly [member: string]: unknown }
}

interface Binding extends KubeObject {
  readonly spec: {
    readonly policyName: string
    readonly validationActions: readonly string[]
    readonly matchResources?: { readonly namespaceSelector?: { readonly matchExpressions?: readonly object[] } }
  }
}

/** Namespaces with this label see one policy alone, with one rule removed. */
const mutantLabel = 'chaperone.test/mutant'
const collection = '/apis/admissionregistration.k8s.io/v1'

/** The admission policies of the chart. */
export function renderPolicies(): { policies: Policy[]; bindings: Binding[] } {
  const objects = renderChart()
  return {
    policies: objects.filter((object): object is Policy => object.kind === 'ValidatingAdmissionPolicy'),
    bindings: objects.filter((object): object is Binding => object.kind === 'ValidatingAdmissionPolicyBinding'),
  }
}

/** A policy without its rule `removed`, in force in the namespaces `namespaceOf` names and nowhere else. */
export interface Mutant {
  readonly policy: Policy
  readonly removed: number
  readonly id: string
}

export function mutantsOf(policies: readonly Policy[]): Mutant[] {
  return policies.flatMap((policy) =>
    policy.spec.validations.map((_, removed) => ({ policy, removed, id: `${policy.metadata.name}-${removed}` })),
  )
}

/** Installs the policies as the chart has them; namespaces of mutants are left out. */
export async function installPolicies(server: KubeApiserver): Promise<void> {
  const { policies, bindings } = renderPolicies()
  for (const policy of policies) await server.request('POST', `${collection}/validatingadmissionpolicies`, policy)
  for (const { spec, ...binding } of bindings) {
    const matchExpressions = [
      ...(spec.matchResources?.namespaceSelector?.matchExpressions ?? []),
      { key: mutantLabel, operator: 'DoesNotExist' },
    ]
    await server.request('POST', `${collection}/validatingadmissionpolicybindings`, {
      ...binding,
      spec: { ...spec, matchResources: { namespaceSelector: { matchExpressions } } },
    })
  }
}

/** Whatever has this name is refused by every mutant, which tells that it is in force. */
export const probeName = 'probe'
const probeRule: Validation = { expression: `request.name != '${probeName}'`, message: 'chaperone: probe' }

export async function installMutant(server: KubeApiserver, { policy, removed, id }: Mutant): Promise<void> {
  const validations = [probeRule, ...policy.spec.validations.filter((_, index) => index !== removed)]
  await server.request('POST', `${collection}/validatingadmissionpolicies`, {
    ...policy,
    metadata: { name: id },
    spec: { ...policy.spec, validations },
  })
  await server.request('POST', `${collection}/validatingadmissionpolicybindings`, {
    apiVersion: policy.apiVersion,
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: id },
    spec: {
      policyName: id,
      validationActions: ['Deny'],
      matchResources: { namespaceSelector: { matchLabels: { [mutantLabel]: id } } },
    },
  })
}

/** A namespace with the injection label; `mutant` puts it under that mutant's policy alone. */
export async function createNamespace(
  server: KubeApiserver,
  name: string,
  labels: { readonly injection?: 'enabled' | 'required'; readonly interception?: string; readonly mutant?: string },
): Promise<void> {
  await server.createNamespace(name, {
    ...(labels.injection === undefined ? {} : { 'chaperone.dev/injection': labels.injection }),
    ...(labels.interception === undefined ? {} : { 'chaperone.dev/interception': labels.interception }),
    ...(labels.mutant === undefined ? {} : { [mutantLabel]: labels.mutant }),
  })
}
