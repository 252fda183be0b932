export {
  isKubeError,
  KubeApiError,
  KubeConfigError,
  KubeNameError,
  LeaseLostError,
  type KubeErrorCause,
  type KubeErrorCode,
} from './errors.ts'
export {
  createKubeClient,
  type CallOptions,
  type DeleteOptions,
  type KubeClient,
  type ListOptions,
  type ObjectList,
  type Selection,
  type WatchOptions,
  type WriteOptions,
} from './client/kube-client.ts'
export type { KubeClientConfig } from './client/kube-config.ts'
export {
  keyOf,
  nameKey,
  nameOf,
  parseKey,
  type KubeObject,
  type KubeObjectMeta,
  type ObjectName,
  type OwnerReference,
  type UnstructuredObject,
} from './client/object.ts'
export { apiVersionOf, type Resource } from './client/resource.ts'
export type { JsonPatchOperation, Patch } from './client/patch.ts'
export type { WatchEvent } from './client/watch-event.ts'
export { listAll } from './client/list-all.ts'
export { createApplier, type Applier } from './client/apply.ts'
export { addFinalizer, removeFinalizer } from './client/finalizers.ts'
export {
  reviewAccess,
  reviewOwnAccess,
  reviewToken,
  whoAmI,
  type AccessReviewStatus,
  type ResourceAttributes,
  type TokenReviewStatus,
  type UserInfo,
} from './client/reviews.ts'
export { serverVersion, type ServerVersion } from './client/server-version.ts'
export {
  createReflector,
  type Reflector,
  type ReflectorObserver,
  type ReflectorOptions,
  type WatchEnd,
} from './reflector/reflector.ts'
export type { ReflectorHandler } from './reflector/handlers.ts'
export type { Indexer, Store } from './reflector/store.ts'
export { createWorkQueue, type WorkQueue, type WorkQueueObserver } from './queue/work-queue.ts'
export {
  runController,
  type ControllerObserver,
  type ControllerOptions,
  type Reconcile,
  type ReconcileResult,
} from './queue/run-controller.ts'
export {
  createLeaseElector,
  type LeaseElector,
  type LeaseElectorOptions,
  type LeaseObserver,
  type LeaseOutcome,
} from './lease/lease-elector.ts'
export {
  createEventRecorder,
  type EventRecorder,
  type EventRecorderObserver,
  type EventRecorderOptions,
} from './events/event-recorder.ts'
export type { EventInput } from './events/event-object.ts'
