import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { createTestAuthority, type KubeApiserver } from '@chaperone/testkit'
import fastJsonPatch from 'fast-json-patch'
import type { Pod } from '../src/inject/pod.ts'

/** What a program that injects makes of a pod. It may see the pod a second time, its own work in it. */
export type Shape = (pod: Pod) => void

/** A mutating webhook of somebody else. */
export interface OtherInjector {
  /** In force in the namespaces whose label `injector` is `name`; a webhook's place in the order is that of its name. */
  register(name: string, shape: Shape, reinvocationPolicy: 'Never' | 'IfNeeded'): Promise<void>
  close(): Promise<void>
}

/** On every pod that an injector has seen. */
export const seenBy = 'example.com/seen-by'

export async function startOtherInjector(apiserver: KubeApiserver): Promise<OtherInjector> {
  const authority = await createTestAuthority()
  const { key, certificate } = await authority.issue('127.0.0.1')
  const shapes = new Map<string, Shape>()
  const server = createServer({ key, cert: certificate }, (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const review = JSON.parse(Buffer.concat(chunks).toString()) as { request: { uid: string; object: Pod } }
      const { uid, object } = review.request
      const name = new URL(request.url ?? '', 'https://injector').pathname.slice(1)
      const changed = structuredClone(object)
      changed.metadata.annotations = { ...changed.metadata.annotations, [seenBy]: name }
      shapes.get(name)?.(changed)
      const patch = Buffer.from(JSON.stringify(fastJsonPatch.compare(object, changed))).toString('base64')
      const answer = { uid, allowed: true, patchType: 'JSONPatch', patch }
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer }))
    })
  }).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  return {
    async register(name, shape, reinvocationPolicy) {
      shapes.set(name, shape)
      const caBundle = Buffer.from(authority.certificate).toString('base64')
      await apiserver.request('POST', '/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations', {
        metadata: { name },
        webhooks: [
          {
            name: 'injector.example.com',
            admissionReviewVersions: ['v1'],
            clientConfig: { url: `https://127.0.0.1:${port}/${name}`, caBundle },
            rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
            namespaceSelector: { matchLabels: { injector: name } },
            failurePolicy: 'Fail',
            reinvocationPolicy,
            sideEffects: 'None',
          },
        ],
      })
    },
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
