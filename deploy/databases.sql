-- Read once by Postgres, when its volume is empty.
CREATE DATABASE dagster;
CREATE DATABASE mlflow;
