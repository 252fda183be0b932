import type { SqlVerb } from '@chaperone/core'

/**
 * The verb of each statement node of PostgreSQL's parse tree (src/include/nodes/parsenodes.h). A statement that is not
 * listed is `Other`, which no rule allows by accident.
 */
export const statementVerbs: Readonly<Record<string, SqlVerb>> = {
  SelectStmt: 'Select',
  InsertStmt: 'Insert',
  UpdateStmt: 'Update',
  DeleteStmt: 'Delete',
  MergeStmt: 'Merge',
  TruncateStmt: 'Truncate',
  CopyStmt: 'Copy',
  CallStmt: 'Call',
  DoStmt: 'Call',
  ExecuteStmt: 'Call',
  TransactionStmt: 'Transaction',
  ConstraintsSetStmt: 'Transaction',
  VariableSetStmt: 'Set',
  DiscardStmt: 'Set',
  VariableShowStmt: 'Select',
  GrantStmt: 'Grant',
  GrantRoleStmt: 'Grant',
  AlterDefaultPrivilegesStmt: 'Grant',
  CreateRoleStmt: 'Grant',
  AlterRoleStmt: 'Grant',
  AlterRoleSetStmt: 'Grant',
  DropRoleStmt: 'Grant',
  ReassignOwnedStmt: 'Grant',
  DropOwnedStmt: 'Grant',
  VacuumStmt: 'Maintain',
  ReindexStmt: 'Maintain',
  ClusterStmt: 'Maintain',
  CheckPointStmt: 'Maintain',
  LockStmt: 'Maintain',
  RefreshMatViewStmt: 'Maintain',
}

/** Every CREATE, ALTER, DROP and the like changes definitions. */
const definesPattern =
  /^(Create|Alter|Drop|Define|Rename|Comment|SecLabel|Import|Index|View|Rule|CompositeType)\w*Stmt$/

export function verbOf(node: string): SqlVerb {
  return statementVerbs[node] ?? (definesPattern.test(node) ? 'Define' : 'Other')
}
