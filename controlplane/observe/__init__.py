"""PURE: raw pages and cluster objects become one fleet per tick. Absent stays absent."""
