// Bundles the programs into dist/{sidecar,operator,cli}/<name>.mjs: one file each (of the cli two, for its entry loads the
// program only where Node is new enough; beside the sidecar verify, which shares its image), plus the packages that cannot be bundled because they load a native library or a
// WebAssembly file from their own folder.
//   node tools/build.ts [sidecar|operator|cli]...
import { cpSync, existsSync, mkdirSync, readFileSync, realpathSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { build, type Plugin } from 'esbuild'

const root = join(import.meta.dirname, '..')
const programs = ['sidecar', 'operator', 'cli'] as const
type Program = (typeof programs)[number]

interface Manifest {
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

/** Packages left beside a bundle. Their folders are copied without what only a developer or a compiler reads. */
const beside = ['koffi', 'libpg-query']
const unread = /\/(doc|vendor|node_modules|musl_\w+)$|(?<!LICENSE)\.(md|d\.ts|cc|hh|S|asm)$/
/** CommonJS packages inside an ES module still call `require` for Node's own modules. */
const banner =
  "import { createRequire as bundledCreateRequire } from 'node:module'\nconst require = bundledCreateRequire(import.meta.url)"
/** Left to be loaded when the entry has seen that it can be. */
const programBeside: Plugin = {
  name: 'program-beside',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\/program\.ts$/ }, () => ({ path: './program.mjs', external: true }))
  },
}

const chosen = process.argv.length > 2 ? process.argv.slice(2).map(program) : programs
for (const name of chosen) await bundle(name)
// `chaperone run` starts the same sidecar as a pod does.
if (chosen.includes('cli')) copy(join(root, 'dist/sidecar'), join(root, 'dist/cli/sidecar'))
process.stdout.write(`made ${chosen.map((name) => `dist/${name}/${name}.mjs`).join(', ')}\n`)

function program(name: string): Program {
  const found = programs.find((known) => known === name)
  if (found === undefined) throw new Error(`unknown program ${name}: expected one of ${programs.join(', ')}`)
  return found
}

async function bundle(name: Program): Promise<void> {
  const folder = join(root, 'dist', name)
  const result = await build({
    absWorkingDir: root,
    entryPoints: {
      [name]: `packages/${name}/src/main.ts`,
      ...(name === 'sidecar' ? { verify: 'packages/sidecar/src/verify/main.ts' } : {}),
      ...(name === 'cli' ? { program: 'packages/cli/src/program.ts' } : {}),
    },
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    plugins: name === 'cli' ? [programBeside] : [],
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    external: beside,
    banner: { js: banner },
    minifySyntax: true,
    keepNames: true,
    metafile: true,
    legalComments: 'linked',
    logLevel: 'warning',
    write: true,
  })
  rmSync(join(folder, 'node_modules'), { recursive: true, force: true })
  for (const { importer, path } of externalImports(result.metafile)) copyPackage(path, importer, folder)
}

/** The packages to leave beside this bundle, each with a source file that imports it. */
function externalImports(metafile: { inputs: Record<string, { imports: { path: string; external?: boolean }[] }> }) {
  return Object.entries(metafile.inputs).flatMap(([importer, { imports }]) =>
    imports
      .filter(({ path, external }) => external === true && beside.includes(packageOf(path)))
      .map(({ path }) => ({ importer: join(root, importer), path: packageOf(path) })),
  )
}

/** `libpg-query/wasm/x.js` is a file of `libpg-query`. */
function packageOf(path: string): string {
  return path.split('/', path.startsWith('@') ? 2 : 1).join('/')
}

/**
 * With what the package needs in turn. Prebuilt libraries are optional dependencies, one per platform; the package manager has
 * installed those of this system for every architecture that images are made for (`supportedArchitectures`).
 */
function copyPackage(name: string, importer: string, folder: string): void {
  const source = packageFolder(name, importer)
  if (source === undefined) throw new Error(`${name} is needed by ${importer} but not installed`)
  copy(source, join(folder, 'node_modules', name), (path) => !unread.test(path))
  const manifestPath = join(source, 'package.json')
  const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(manifestPath, 'utf8')) as Manifest
  for (const dependency of Object.keys(dependencies)) copyPackage(dependency, manifestPath, folder)
  for (const library of Object.keys(optionalDependencies)) {
    if (packageFolder(library, manifestPath) !== undefined) copyPackage(library, manifestPath, folder)
  }
}

function packageFolder(name: string, importer: string): string | undefined {
  for (const folder of createRequire(importer).resolve.paths(name) ?? []) {
    const candidate = join(folder, name)
    if (existsSync(join(candidate, 'package.json'))) return realpathSync(candidate)
  }
  return undefined
}

function copy(from: string, to: string, keep: (path: string) => boolean = () => true): void {
  rmSync(to, { recursive: true, force: true })
  mkdirSync(dirname(to), { recursive: true })
  cpSync(from, to, { recursive: true, dereference: true, filter: (path) => keep(path.slice(from.length)) })
}
