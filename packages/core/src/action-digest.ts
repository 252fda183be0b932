import type { Action } from './action.ts'
import { canonicalJson, sha256Hex, type Json } from './canonical-json.ts'
import type { PodRef, RuleRef, SessionRef } from './identity.ts'

/**
 * What an approval is bound to: the act, byte for byte where bytes matter, and who asks under which rule. The identical
 * retry has the same digest; any other body, bind value, path or pod does not.
 */
export function actionDigest(action: Action, by: { session: SessionRef; pod: PodRef; rule: RuleRef }): string {
  const bound = {
    version: 1,
    action,
    session: by.session.uid,
    pod: by.pod.uid,
    rule: `${by.rule.source}#${by.rule.name}`,
  }
  return sha256Hex(canonicalJson(bound as unknown as Json))
}
