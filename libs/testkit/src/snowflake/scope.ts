/** What a query reads beside the current rows: `changes` = a CHANGES clause, `at` = AT or BEFORE. */
export type Travel = {
  readonly changes: 'DEFAULT' | 'APPEND_ONLY' | null
  readonly at: TravelPoint | null
  readonly end: TravelPoint | null
}
export type TravelPoint = {
  readonly kind: 'TIMESTAMP' | 'OFFSET' | 'STATEMENT' | 'STREAM' | 'VERSION'
  readonly isBefore: boolean
  readonly sql: string
}

/** How names in a query are resolved. */
export type QueryScope = {
  /** A SELECT for what stands behind FROM under this name. */
  table(path: readonly string[], travel: Travel | null): Promise<string>
  /** Functions of the session, such as CURRENT_ROLE(); null = none of that name. */
  sessionCall(name: string, args: readonly string[]): Promise<string | null>
  /** TABLE(name(argument => value)). */
  tableFunction(path: readonly string[], args: ReadonlyMap<string, string>): Promise<string>
  readonly binds: readonly string[]
}
