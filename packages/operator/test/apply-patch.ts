import fastJsonPatch, { type Operation } from 'fast-json-patch'

/** The object as the API server makes it from the answer of a webhook. */
export function applyPatch<T>(object: T, { patch }: { readonly patch?: string }): T {
  const operations = JSON.parse(Buffer.from(patch ?? '', 'base64').toString('utf8') || '[]') as Operation[]
  return fastJsonPatch.applyPatch(structuredClone(object), operations, true).newDocument
}
