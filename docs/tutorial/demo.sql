-- What `make demo` loads: the sources and views of flights.md as they are before its mistake is
-- found, and a table for the live feed.

CREATE SOURCE flights (
  scheduled timestamp,
  carrier text,
  flight integer,
  tailnum text,
  origin text,
  dest text,
  dep_time integer,
  dep_delay integer,
  arr_delay integer,
  air_time integer,
  distance integer,
  time_hour timestamptz,
  day date AS (scheduled::date),
  WATERMARK FOR scheduled AS scheduled - INTERVAL '1 hour'
)
WITH (connector = 'file', path = 'docs/tutorial/data/flights.parquet')
FORMAT PLAIN ENCODE PARQUET;

CREATE SOURCE airlines (carrier text, name text)
WITH (connector = 'file', path = 'docs/tutorial/data/airlines.csv')
FORMAT PLAIN ENCODE CSV;

CREATE SOURCE weather (
  origin text,
  time_hour timestamptz,
  temp double precision,
  wind_speed double precision,
  precip double precision,
  visib double precision
)
WITH (connector = 'file', path = 'docs/tutorial/data/weather.csv', csv.null = 'NA')
FORMAT PLAIN ENCODE CSV;

CREATE MATERIALIZED VIEW departures AS
SELECT window_start, origin, count(*) AS departures
FROM TUMBLE(flights, scheduled, INTERVAL '1 hour')
GROUP BY window_start, origin;

CREATE MATERIALIZED VIEW delays AS
SELECT window_start, window_end, carrier,
       count(*) AS flights,
       avg(dep_delay)::numeric(6,1) AS delay,
       max(dep_delay) AS worst
FROM HOP(flights, scheduled, INTERVAL '1 hour', INTERVAL '3 hours')
GROUP BY window_start, window_end, carrier;

CREATE MATERIALIZED VIEW rain AS
SELECT f.origin, w.precip > 0 AS rain,
       count(*) AS flights,
       avg(f.dep_delay)::numeric(6,1) AS delay
FROM flights f
JOIN weather w ON w.origin = f.origin AND w.time_hour = f.time_hour
GROUP BY f.origin, w.precip > 0;

CREATE MATERIALIZED VIEW daily AS
SELECT window_start, count(*) AS flights, sum(distance) AS miles
FROM TUMBLE(flights, scheduled, INTERVAL '1 day')
GROUP BY window_start
EMIT ON WINDOW CLOSE;

CREATE TABLE live (
  at timestamptz DEFAULT now(),
  carrier text,
  origin text,
  dest text,
  dep_delay integer
);

CREATE MATERIALIZED VIEW live_departures AS
SELECT window_start, origin, count(*) AS departures, avg(dep_delay)::numeric(6,1) AS delay
FROM TUMBLE(live, at, INTERVAL '1 minute')
GROUP BY window_start, origin;
