module fetch

go 1.24
