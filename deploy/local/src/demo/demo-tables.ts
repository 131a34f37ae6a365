/** The tables of the demo's warehouse, as they are made. */

/**
 * `inserted_at` is the insert-time column of the append sync. now() is the time of the transaction, so all rows of the first load have the same one,
 * and rows that are identical in the data set stay identical in the table.
 */
export const FLIGHTS = `
  CREATE TABLE flights (
    date timestamp NOT NULL,
    delay integer,
    distance integer,
    origin text NOT NULL,
    destination text NOT NULL,
    inserted_at timestamptz NOT NULL DEFAULT now()
  )`

export const FLIGHTS_INDEX = 'CREATE INDEX flights_inserted_at ON flights (inserted_at)'

export const AIRPORTS = `
  CREATE TABLE airports (
    iata text PRIMARY KEY,
    name text,
    city text,
    state text,
    country text,
    latitude double precision,
    longitude double precision
  )`

/** Who does what the events tell: each flight is an event of the airport that it leaves from. */
export const ORIGINS = `
  CREATE TABLE origins AS
  SELECT
    flights.origin,
    min(airports.name) AS airport_name,
    min(airports.city) AS city,
    min(airports.state) AS state,
    count(*) AS departures,
    count(DISTINCT flights.destination) AS destinations,
    round(avg(flights.delay), 2)::double precision AS mean_delay_minutes,
    min(flights.date) AS first_departure,
    max(flights.date) AS last_departure
  FROM flights
  LEFT JOIN airports ON airports.iata = flights.origin
  GROUP BY flights.origin`

export const ORIGINS_KEY = 'ALTER TABLE origins ADD PRIMARY KEY (origin)'

export const NEW_FLIGHTS_COUNT = 1_000

/** A thousand of the flights once more, a year later: what an airline's own systems would add during the day. */
export const NEW_FLIGHTS = `
  INSERT INTO flights (date, delay, distance, origin, destination)
  SELECT DISTINCT date + interval '1 year', delay, distance, origin, destination
  FROM flights
  ORDER BY 1, 2, 3, 4, 5
  LIMIT ${NEW_FLIGHTS_COUNT}`

/** The role that Millrace reads with: it can log in and select, nothing else. */
export const READER = 'millrace_reader'

export function readerStatements(quotedPassword: string): string[] {
  return [
    `CREATE ROLE ${READER} LOGIN PASSWORD ${quotedPassword}`,
    `ALTER ROLE ${READER} SET default_transaction_read_only = on`,
    `GRANT USAGE ON SCHEMA public TO ${READER}`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${READER}`,
  ]
}
