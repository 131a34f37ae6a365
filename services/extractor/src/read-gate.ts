/** Whether reading may go on: asked once per row, so it is a plain field to look at. */
export type ReadGate = {
  /** Too much of the run is on its way: reading should wait. */
  readonly closed: boolean
  /** Resolves when reading may go on; rejects when it must end (lease lost, run cancelled). */
  opened(): Promise<void>
}
