"""Social-security cards (LD/T 32-2015, 社会保障卡规范): read by PC/SC or by the vendor's driver."""
