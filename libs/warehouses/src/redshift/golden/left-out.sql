SELECT COUNT(*)
FROM (SELECT 1 AS one FROM "shop"."visits ""v""" WHERE "inserted at" IS NULL LIMIT 1000000) AS t;
