// One download of 256 MiB through TLS: as it is, and masked as text.
import { startHttpsStand, type Way } from '../rig/https-stand.ts'
import { alternate, report, type Sample } from '../rig/measure.ts'
import { paths, writeLog } from '../rig/origin.ts'
import { cpuSeconds, forgetPeak, memoryMiB } from '../rig/process.ts'

const rounds = 5
const megabytes = 256

const stand = await startHttpsStand()
writeLog(stand.workspace, megabytes)
const { direct, haproxy, chaperone } = stand.ways

async function measure({ execute, base, pid }: Way, path: string): Promise<Sample> {
  if (pid !== undefined) forgetPeak(pid)
  const before = pid === undefined ? 0 : cpuSeconds(pid)
  const [status, bytes, seconds] = (
    await execute(
      'curl',
      '-sSk',
      '--http1.1',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code} %{size_download} %{time_total}',
      base + path,
    )
  )
    .split(' ')
    .map(Number)
  if (status !== 200 || bytes === undefined || bytes < megabytes * 1_000_000)
    throw new Error(`${path}: ${status} with ${bytes} bytes`)
  const mebibytes = bytes / 1024 / 1024
  return {
    'MiB/s': mebibytes / seconds!,
    'MiB/core-s': pid === undefined ? NaN : mebibytes / (cpuSeconds(pid) - before),
    'peak MiB': pid === undefined ? NaN : memoryMiB(pid, 'VmHWM'),
  }
}

const results = await alternate(
  [
    { name: 'direct', measure: () => measure(direct, paths('log.bin').plain) },
    { name: 'haproxy', measure: () => measure(haproxy, paths('log.bin').plain) },
    { name: 'chaperone', measure: () => measure(chaperone, paths('log.bin').plain) },
    { name: 'chaperone, masked as text', measure: () => measure(chaperone, paths('log.txt').masked) },
  ],
  rounds,
)
report(`download of ${megabytes} MiB`, results, { figure: 'MiB/core-s', against: ['haproxy'] })
await stand.stop()
