import type { SqlVerb } from '@chaperone/core'
import type { Node } from './parse-tree.ts'
import { verbsOfSet } from './set-verbs.ts'

type Verbs = readonly SqlVerb[] | ((statement: Node) => readonly SqlVerb[])

/** Statements whose verb follows from their kind alone (src/include/nodes/parsenodes.h of PostgreSQL 18). */
const fixedVerbs: Partial<Record<SqlVerb, string>> = {
  // FOR UPDATE and FOR SHARE only lock rows; SHOW reads a setting.
  Select: 'SelectStmt VariableShowStmt',
  Truncate: 'TruncateStmt',
  // What EXECUTE runs was judged when it was prepared, but perhaps under another policy.
  Call: 'CallStmt DoStmt ExecuteStmt',
  Transaction: 'TransactionStmt ConstraintsSetStmt',
  // These change or end what belongs to the connection.
  Set: 'DiscardStmt DeallocateStmt ClosePortalStmt',
  Grant: `GrantStmt GrantRoleStmt AlterDefaultPrivilegesStmt CreateRoleStmt AlterRoleStmt AlterRoleSetStmt DropRoleStmt
    ReassignOwnedStmt DropOwnedStmt AlterOwnerStmt CreatePolicyStmt AlterPolicyStmt SecLabelStmt CreateUserMappingStmt
    AlterUserMappingStmt DropUserMappingStmt`,
  Maintain: `VacuumStmt ReindexStmt ClusterStmt CheckPointStmt LockStmt RefreshMatViewStmt ListenStmt UnlistenStmt
    NotifyStmt`,
  Define: `AlterCollationStmt AlterDatabaseRefreshCollStmt AlterDatabaseSetStmt AlterDatabaseStmt AlterDomainStmt
    AlterEnumStmt AlterEventTrigStmt AlterExtensionContentsStmt AlterExtensionStmt AlterFdwStmt AlterForeignServerStmt
    AlterFunctionStmt AlterObjectDependsStmt AlterObjectSchemaStmt AlterOpFamilyStmt AlterOperatorStmt
    AlterPublicationStmt AlterSeqStmt AlterStatsStmt AlterSubscriptionStmt AlterTSConfigurationStmt AlterTSDictionaryStmt
    AlterTableMoveAllStmt AlterTableSpaceOptionsStmt AlterTypeStmt CommentStmt CompositeTypeStmt CreateAmStmt
    CreateCastStmt CreateConversionStmt CreateDomainStmt CreateEnumStmt CreateEventTrigStmt CreateExtensionStmt
    CreateFdwStmt CreateForeignServerStmt CreateForeignTableStmt CreateFunctionStmt CreateOpClassStmt CreateOpFamilyStmt
    CreatePLangStmt CreatePublicationStmt CreateRangeStmt CreateSchemaStmt CreateSeqStmt CreateStatsStmt CreateStmt
    CreateSubscriptionStmt CreateTableAsStmt CreateTableSpaceStmt CreateTransformStmt CreateTrigStmt CreatedbStmt
    DefineStmt DropSubscriptionStmt DropTableSpaceStmt DropdbStmt ImportForeignSchemaStmt IndexStmt RenameStmt
    ReplicaIdentityStmt RuleStmt ViewStmt`,
  // ALTER SYSTEM can run programs, LOAD runs a library.
  Other: 'AlterSystemStmt LoadStmt',
}

/** Changes of a table that decide who may see it. */
const grantingCommands = new Set([
  'AT_ChangeOwner',
  'AT_EnableRowSecurity',
  'AT_DisableRowSecurity',
  'AT_ForceRowSecurity',
  'AT_NoForceRowSecurity',
])

/**
 * A statement has the verb of every privilege that PostgreSQL would ask for: what comes back by RETURNING, or is joined by
 * FROM or USING, is read; COPY reads or inserts; MERGE does what its branches do.
 */
const dependentVerbs: Readonly<Record<string, Verbs>> = {
  InsertStmt: (statement) => [
    'Insert',
    ...((statement['onConflictClause'] as Node | undefined)?.['action'] === 'ONCONFLICT_UPDATE'
      ? (['Update'] as const)
      : []),
    ...reads(statement),
  ],
  UpdateStmt: (statement) => ['Update', ...reads(statement, 'fromClause')],
  DeleteStmt: (statement) => ['Delete', ...reads(statement, 'usingClause')],
  MergeStmt: (statement) => ['Merge', ...branchVerbs(statement), ...reads(statement, 'sourceRelation')],
  CopyStmt: (statement) => [
    'Copy',
    ...(statement['relation'] === undefined
      ? []
      : [statement['is_from'] === true ? ('Insert' as const) : ('Select' as const)]),
    ...(statement['filename'] === undefined ? [] : (['Call'] as const)),
  ],
  // The rows of a cursor were judged when it was declared, but under a rule that is not known here.
  FetchStmt: ['Select', 'Call'],
  // What they hold is walked, and has its own verbs.
  PrepareStmt: [],
  DeclareCursorStmt: [],
  ReturnStmt: [],
  VariableSetStmt: verbsOfSet,
  AlterTableStmt: (statement) => [
    'Define',
    ...((statement['cmds'] ?? []) as readonly { AlterTableCmd?: Node }[])
      .filter((command) => grantingCommands.has(String(command.AlterTableCmd?.['subtype'])))
      .map(() => 'Grant' as const),
  ],
  DropStmt: (statement) => (statement['removeType'] === 'OBJECT_POLICY' ? ['Define', 'Grant'] : ['Define']),
}

const verbsByStatement: ReadonlyMap<string, Verbs> = new Map([
  ...Object.entries(fixedVerbs).flatMap(([verb, statements]) =>
    statements.split(/\s+/).map((statement): [string, Verbs] => [statement, [verb as SqlVerb]]),
  ),
  ...Object.entries(dependentVerbs),
])

/** The verbs of a statement itself. A kind that is not listed is `Other`, which no rule allows by accident. */
export function verbsOf(kind: string, statement: Node): readonly SqlVerb[] {
  const verbs = verbsByStatement.get(kind) ?? ['Other']
  return typeof verbs === 'function' ? verbs(statement) : verbs
}

function reads(statement: Node, source?: string): readonly SqlVerb[] {
  const returns = statement['returningClause'] ?? statement['returningList']
  return returns !== undefined || (source !== undefined && statement[source] !== undefined) ? ['Select'] : []
}

const verbOfBranch: Readonly<Record<string, SqlVerb>> = {
  CMD_INSERT: 'Insert',
  CMD_UPDATE: 'Update',
  CMD_DELETE: 'Delete',
}

function branchVerbs(merge: Node): SqlVerb[] {
  return ((merge['mergeWhenClauses'] ?? []) as readonly { MergeWhenClause?: Node }[]).flatMap(
    (branch) => verbOfBranch[String(branch.MergeWhenClause?.['commandType'])] ?? [],
  )
}
