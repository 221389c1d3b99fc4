"""The thorax phantom: one seed gives one patient, rendered at any grid from one continuous geometry."""
