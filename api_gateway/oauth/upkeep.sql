-- name: expired
delete from {table} where {key} = any (array(
    select {key} from {table} where expires_at < $1::timestamptz - $3::interval limit $2))
