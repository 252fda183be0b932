import { startContainedPod, type ContainedPod } from './contained-pod.ts'

/** Contained pods for tests that run side by side; as many as are needed at once. */
export interface PodPool {
  /** Lends a pod that nobody else uses, and takes it back when `use` is over. */
  lend<T>(use: (pod: ContainedPod) => Promise<T>): Promise<T>
  close(): Promise<void>
}

export function createPodPool(): PodPool {
  const idle: ContainedPod[] = []
  return {
    async lend(use) {
      const pod = idle.pop() ?? (await startContainedPod())
      try {
        return await use(pod)
      } finally {
        idle.push(pod)
      }
    },
    async close() {
      await Promise.all(idle.map((pod) => pod.close()))
    },
  }
}
